"""What the three commands share: exit codes, option types, standard input, whole files."""

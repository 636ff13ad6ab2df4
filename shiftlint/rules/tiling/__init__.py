"""Rules about tiles, strides and halos."""

"""The paper's figures as experiments."""

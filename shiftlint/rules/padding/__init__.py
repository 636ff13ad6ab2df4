"""Rules about padding inside the network."""

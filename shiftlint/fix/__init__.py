"""`shiftlint fix`: store the contract in the file and, on request, make the graph safe to tile."""

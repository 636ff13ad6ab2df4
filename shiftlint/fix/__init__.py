"""`shiftlint fix`: write what was derived into the file, and, where asked, change the graph so that
it tiles safely.
"""

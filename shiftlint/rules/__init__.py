"""shiftlint/rules"""

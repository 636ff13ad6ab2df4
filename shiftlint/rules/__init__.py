"""The rules of shiftlint."""

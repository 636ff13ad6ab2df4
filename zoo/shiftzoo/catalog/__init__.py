"""The models that there are: cards, index, the gate that releases pass, and the commands about
them.
"""

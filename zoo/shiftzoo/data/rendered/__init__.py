"""zoo/shiftzoo/data/rendered"""

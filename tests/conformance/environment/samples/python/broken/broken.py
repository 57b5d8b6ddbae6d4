"""Imports what there is not."""

import a_module_that_is_nowhere


def main():
    return a_module_that_is_nowhere.NAME

"""A package of one file."""


def main():
    return "hello"

"""The smallest function: no parameters, any answer that Flask accepts."""


def main():
    return "Hello, world!\n"

"""The ``fission`` command: it reads flags, speaks the Kubernetes API or the controller, and prints.

``tree`` lists every command and the module that holds it, one module per verb, imported when it
is run. ``context`` finds the way in, ``backend`` is what can be asked behind it, ``output`` owns
everything that is printed. A command module is thin: flags, one call or two, a line of text.
"""

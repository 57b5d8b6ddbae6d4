"""One function on this machine without a platform: its code, its settings, its runtime's process.

Images are the composition root's: it is started as a program that becomes the runtime.
"""

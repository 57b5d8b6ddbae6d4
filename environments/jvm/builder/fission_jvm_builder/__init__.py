"""Turns the source of a function in Java into the JAR file that the runtime loads.

`planning` says which tool a source is for, `maven`, `gradle` and `plain` run it, `jars` finds or
makes the one file to deploy. Needs the standard library alone, and keeps no process running.
"""

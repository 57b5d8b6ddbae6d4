"""ValidatingAdmissionPolicies: rules in CEL over whole objects, metadata included.

A policy judges nothing until a binding names it. What this server does not evaluate (parameters,
variables, audit annotations, other actions than Deny) is refused by name when it is written.
"""

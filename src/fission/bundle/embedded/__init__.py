"""The embedded platform as a person meets it: up, down and status.

``python -m fission.bundle.embedded up|down|status`` is what the command line forwards to.

- ``options``: flags → a frozen record; the defaults and their reasons;
- ``configfile``: that record → ``cluster.json``, which the supervisor reads;
- ``up``: start or take over, install, wait, tell where everything is;
- ``report``: what ``status`` says, for people and as JSON.
"""

"""The runtime server for programs: any executable or script, run once per request or kept running.

``server`` speaks the runtime protocol, ``package`` finds and judges the program, ``settings`` says
how it is to be run; ``perrequest`` runs it as a CGI program is run, ``longlived`` keeps one and
passes requests on to it. ``programs`` starts and ends processes.

Carries ``fission_http`` and imports nothing else of the platform.
"""

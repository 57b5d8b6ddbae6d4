"""What holds for every test."""

import hypothesis

# The same examples in every run: a change is judged by what it changed. To look for new ones,
# give `--hypothesis-profile=default`.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("repeatable")

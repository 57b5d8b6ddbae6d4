"""A Deployment of the Function's Environment per Function; its pods specialize themselves."""

"""What event sources share: handing an event to a function, and the record of it."""

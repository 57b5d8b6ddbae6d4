"""EndpointSlices of Services with selectors: which pods answer, and on which port."""

"""Operating a site: the operators' use cases, upkeep's sweeps, and the measurements of the site and its workers."""

"""What tests share: servers, drivers, oracles, and hostile input."""

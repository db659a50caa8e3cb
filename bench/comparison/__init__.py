"""This service beside other ways to serve the same scoring, on one machine in one run."""

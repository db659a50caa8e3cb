"""The application of each framework, a few lines each; every framework has an environment of its own."""

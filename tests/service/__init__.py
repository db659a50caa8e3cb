"""Tests of the service modules, one file for each."""

"""Tests of the command line: a package, so that its files share a sandbox."""

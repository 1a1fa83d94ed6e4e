"""The command line's commands, by what they are about; ``harness.cli`` puts them together."""

"""Commands that hold more than options."""

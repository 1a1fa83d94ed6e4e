"""The reports as a reader sees them: headless Chromium opens each page, and looks."""

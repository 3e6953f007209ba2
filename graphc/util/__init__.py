"""What every other room may use: files, progress bars, trees of results, locks that no fork splits."""

"""What declarations share: arguments checked, operations built by name, rules for shapes, batches and windows."""

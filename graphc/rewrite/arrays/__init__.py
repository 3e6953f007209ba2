"""The rules over whole arrays: sums and products along axes, chains of products, views."""

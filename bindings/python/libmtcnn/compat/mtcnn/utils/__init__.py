"""What of the package is used beside MTCNN."""

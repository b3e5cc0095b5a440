"""What a folder holds, and how it becomes samples."""

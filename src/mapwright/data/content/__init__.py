"""Images that show the same content at some shift, found by their pixels alone."""

"""The page of a study: one self-contained HTML file that answers when it is asked."""

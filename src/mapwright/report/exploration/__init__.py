"""The page that shows what a data set holds before anything is learnt from it."""

"""What a data set holds, in numbers: gathered in one pass, before anything is drawn or learnt."""

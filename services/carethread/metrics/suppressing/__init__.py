"""Which numbers are not told because too few people stand behind them."""

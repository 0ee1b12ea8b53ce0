"""What screens show, as frozen values, a file a screen. Amounts in tiyn, times in unix seconds, ids as bytes."""

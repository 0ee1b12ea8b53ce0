"""What the command line and the app share: where wallets lie, how one is made and opened, the line to its bank.

Rule: nothing here prints, asks or shows; a PIN comes in as an argument and is kept nowhere.
"""

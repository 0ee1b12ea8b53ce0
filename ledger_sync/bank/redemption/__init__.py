"""What becomes of settled money that goes back: redemptions, and refunds of what nobody spent."""

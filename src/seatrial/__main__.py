"""`python -m seatrial`."""

from seatrial.app.cli import main

if __name__ == "__main__":
    main()

"""Which tune is this? Hum, voice, whistle, score and recording, all as contours of one kind."""

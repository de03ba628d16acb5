"""Files of rows that strangers made: whatever their separators, headers, times and decimals look like."""

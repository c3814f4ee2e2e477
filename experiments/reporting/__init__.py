"""The report of a finished study: tables in, pages and figures out."""

"""What every stage needs: errors, files, configurations, command lines, pages."""

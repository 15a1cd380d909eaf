"""What an editor shows of a spec that is being written; `server` speaks to editors."""

"""One region as a convex set: its inner ball, its vertices, and any convex problem posed over it."""

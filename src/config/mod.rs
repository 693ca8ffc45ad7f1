//! What is typed -> what is needed. All problems at once.

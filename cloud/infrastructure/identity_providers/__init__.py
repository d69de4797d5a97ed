"""Who else may say who somebody is: an OpenID provider, Slack."""

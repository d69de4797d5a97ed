"""How a new bundle comes to the floor: released, approved, tried at few stations, then at all."""

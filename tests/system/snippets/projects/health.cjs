async function monitorApiHealth() {
  setInterval(async () => {
    try {
      const health = await client.system.health();
      
      if (health.status !== 'healthy') {
        console.warn('API health warning:', health);
        // Send alert
      }
      
    } catch (error) {
      console.error('API health check failed:', error);
      // Send critical alert
    }
  }, 30000); // Check every 30 seconds
}
